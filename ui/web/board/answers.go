package board

import (
	"encoding/json"
	"net/http"

	"rsc.io/qr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/assets"
)

// answers are what the board answers besides the page's files.
type answers struct {
	cfg    Config
	keeper *keeper
	stats  *stats
	join   *assets.Body
}

func (a *answers) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/peers", a.looking(func(v *view) *assets.Body { return v.peers() }))
	mux.HandleFunc("GET /v1/map", a.looking(func(v *view) *assets.Body { return v.graph() }))
	mux.HandleFunc("GET /v1/stats", a.plots)
	mux.HandleFunc("GET /v1/join", a.join.ServeHTTP)
	mux.HandleFunc("GET /v1/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "not-found", "no such address; there are peers, map, stats and join")
	})
	mux.Handle("GET /metrics", newMetrics(a.cfg, a.keeper))
	mux.HandleFunc("GET /healthz", a.health)
}

// looking answers with a part of the current view.
func (a *answers) looking(part func(*view) *assets.Body) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := a.keeper.view(r.Context())
		if err != nil {
			a.cfg.log().Debug("no snapshot for the page", "error", err)
			refuse(w, http.StatusServiceUnavailable, "unavailable", errNoAnswer.Error())
			return
		}
		part(v).ServeHTTP(w, r)
	}
}

func (a *answers) plots(w http.ResponseWriter, r *http.Request) {
	body, err := a.stats.body(r.URL.Query().Get("span"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad-request", err.Error())
		return
	}
	body.ServeHTTP(w, r)
}

// health answers 200 only if the node answers: a process that merely listens is
// no healthy seed.
func (a *answers) health(w http.ResponseWriter, r *http.Request) {
	if _, err := a.keeper.view(r.Context()); err != nil {
		http.Error(w, errNoAnswer.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // a prober that left has its answer
}

// refuse answers with an error, in the form of the local interface.
func refuse(w http.ResponseWriter, status int, code, text string) {
	type problem struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	body, err := json.Marshal(map[string]problem{"error": {code, text}})
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever left needs no reason
}

// joinBody is the answer of /v1/join: the command, and its QR code as rows of
// 0 and 1, dark being 1; without the code if the command is too long for one.
func joinBody(cfg Config) *assets.Body {
	join := chat.SafeString(cfg.Join)
	out := struct {
		Version string   `json:"version"`
		Join    string   `json:"join"`
		QR      []string `json:"qr"`
	}{chat.SafeString(cfg.Version), join, []string{}}
	if code, err := qr.Encode(join, qr.L); err == nil && join != "" {
		for y := range code.Size {
			row := make([]byte, code.Size)
			for x := range row {
				row[x] = '0'
				if code.Black(x, y) {
					row[x] = '1'
				}
			}
			out.QR = append(out.QR, string(row))
		}
	}
	return encode(out)
}
