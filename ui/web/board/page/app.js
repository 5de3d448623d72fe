// The seed's page: live figures, who is online, the map, plots, how to join.
import { html, render, useEffect, useMemo, useState, useCallback } from './shared/html.js';
import { poll } from './shared/live.js';
import { NetMap } from './shared/netmap.js';
import { short } from './shared/format.js';
import { Figures } from './figures.js';
import { Join } from './join.js';
import { People } from './people.js';
import { Person, Links } from './details.js';
import { Plots } from './plots.js';

const quick = 1000, steady = 2500, slow = 10_000; // milliseconds between two looks

// useLive is the newest answer of an address, and whether the server answers.
function useLive(path, every) {
	const [live, setLive] = useState({ data: null, lost: false, ahead: 0 });
	useEffect(() => poll(path, every,
		(data, at) => setLive(l => ({ ...l, data, lost: false, ahead: at - Date.now() })),
		problem => setLive(l => (l.lost === !!problem ? l : { ...l, lost: !!problem }))), [path, every]);
	return live;
}

// useNow is the server's time, for "5 min ago": a reader's clock may be wrong.
function useNow(ahead) {
	const [now, setNow] = useState(Date.now());
	useEffect(() => {
		const timer = setInterval(() => setNow(Date.now()), 5000);
		return () => clearInterval(timer);
	}, []);
	return Math.max(now, Date.now()) + (Math.abs(ahead) > 3000 ? ahead : 0);
}

function App() {
	const peers = useLive('./v1/peers', quick);
	const graph = useLive('./v1/map', steady);
	const hour = useLive('./v1/stats?span=hour', slow);
	const join = useLive('./v1/join', 60_000);
	const now = useNow(peers.ahead);
	const [chosen, setChosen] = useState('');
	const [pointed, setPointed] = useState('');
	const choose = useCallback(peer => setChosen(c => (c === peer ? '' : peer)), []);
	useNewVersion(join.data?.version);

	const people = peers.data?.peers ?? nobody, links = graph.data?.links ?? nobody;
	const online = peers.data?.counts.online;
	useEffect(() => { document.title = online === undefined ? 'Who is connected' : `(${online}) Who is connected`; }, [online]);
	const who = useMemo(() => new Map(people.map(p => [p.peer, p])), [people]);
	const self = peers.data?.self ?? '';
	return html`
		<${Top} self=${self} version=${join.data?.version} lost=${peers.lost} ready=${!!peers.data} />
		<main>
			<div class="row first">
				<${Figures} counts=${peers.data?.counts} hour=${hour.data} />
				<${Join} join=${join.data} />
			</div>
			<div class="row">
				<section class="panel map" aria-labelledby="map-title">
					<header>
						<h2 id="map-title">Map</h2>
						<ul class="key" aria-label="Key">
							<li><svg width="12" height="12" aria-hidden="true"><circle class="p" cx="6" cy="6" r="5" /></svg>person</li>
							<li><svg width="12" height="12" aria-hidden="true"><rect class="s" x="1" y="1" width="10" height="10" /></svg>seed</li>
							<li><svg width="22" height="12" aria-hidden="true"><path class="d" d="M1 6H21" /></svg>direct</li>
							<li><svg width="22" height="12" aria-hidden="true"><path class="r" d="M1 6H21" /></svg>relayed</li>
						</ul>
					</header>
					<${NetMap} self=${self} nodes=${graph.data?.nodes ?? nobody} links=${links} selected=${chosen} onSelect=${setChosen} pointed=${pointed} onPoint=${setPointed} describedBy="chosen" />
					<${Person} peer=${chosen || pointed} self=${self} who=${who} links=${links} now=${now} />
				</section>
				<${People} people=${people} links=${links} self=${self} chosen=${chosen} onChoose=${choose} onPoint=${setPointed} now=${now} loaded=${!!peers.data} />
			</div>
			<${Links} links=${links} who=${who} now=${now} />
			<${Plots} hour=${hour.data} />
		</main>
		<footer class="dim">
			<p>Everything here is what ${self ? html`the seed <code>…${short(self)}</code>` : 'this seed'} sees. People who are invisible are not shown. The same as JSON:${' '}
			<a href="./v1/peers">peers</a>, <a href="./v1/map">map</a>, <a href="./v1/stats?span=hour">plots</a>; for Prometheus: <a href="./metrics">metrics</a>.</p>
		</footer>`;
}

const nobody = []; // one and the same, so that nothing is drawn again for it

function Top({ self, version, lost, ready }) {
	const state = lost ? 'The seed does not answer. Trying again …' : ready ? 'Live' : 'Loading …';
	return html`<header class="top">
		<img src="./icon.svg" alt="" width="34" height="34" />
		<div>
			<h1>Who is connected</h1>
			<p class="dim">${self ? html`seen by the seed <code title=${self}>…${short(self)}</code>` : 'p2pchat'}${version && ` · p2pchat ${version}`}</p>
		</div>
		<p class=${`state ${lost ? 'lost' : ready ? 'live' : ''}`} role="status">${state}</p>
	</header>`;
}

// useNewVersion loads the page again when the program behind it is another one.
function useNewVersion(version) {
	const [first, setFirst] = useState(null);
	useEffect(() => {
		if (version === undefined) return;
		if (first === null) setFirst(version);
		else if (version !== first) location.reload();
	}, [version]);
}

const place = document.getElementById('app');
place.replaceChildren();
render(html`<${App} />`, place);
