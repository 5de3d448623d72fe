package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// curl sends a request as curl --unix-socket does.
func curl(t testing.TB, s *Server, method, path, body string, headers ...string) (status int, answer string) {
	t.Helper()
	client := http.Client{Timeout: within, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", SocketPath(s.cfg.Folder.Dir()))
		},
	}}
	req, err := http.NewRequest(method, "http://p2pchat"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// An example is one of PROTOCOL.md, section 11: a request, and what its answer has
// in it. PEER, ID and OWN stand for a peer, its message and one of our own.
type example struct {
	request string
	status  int
	want    string
}

func examples() []example {
	return []example{
		{`GET /v1/node`, 200, `"program":"p2pchat","version":"1.2.3","api":1,"peer":"12D3KooW`},
		{`GET /v1/status`, 200, `"connections":1,"relayed":1,"peers":1`},
		{`PUT /v1/name {"name":"ann"}`, 200, `{}`},
		{`GET /v1/node`, 200, `"name":"ann"`},
		{`GET /v1/peers`, 200, `{"peers":[{"type":"peer","nick":"peer `},
		{`GET /v1/peers`, 200, `,"rooms":["den","lobby"]}`},
		{`GET /v1/connections`, 200, `"type":"connection"`},
		{`GET /v1/connections`, 200, `"remote":"/ip4/127.0.0.1/tcp/2`},
		{`POST /v1/conversations {"room":"#Lobby"}`, 200, `{"conversation":"lobby","first":true,"event":"`},
		{`POST /v1/conversations {"peer":"PEER","addrs":["/ip4/127.0.0.1/tcp/1"]}`, 200, `{"conversation":"PEER","first":true`},
		{`POST /v1/conversations {"at":"localhost:4747"}`, 200, `"first":true`},
		{`GET /v1/invite?conversation=lobby`, 200, `{"invite":"p2pchat1`},
		{`GET /v1/invite`, 200, `"conversation":"12D3KooW`},
		{`POST /v1/conversations {"invite":"INVITE"}`, 200, `{"conversation":"den","first":true`},
		{`GET /v1/conversations`, 200, `"conversation":"lobby","room":true,"name":"","open":true,"messages":2`},
		{`GET /v1/conversations/lobby`, 200, `"unread":1,"mentions":1`},
		{`GET /v1/conversations/lobby/members`, 200, `{"members":[{"type":"member","conversation":"lobby"`},
		{`GET /v1/conversations/lobby/history`, 200, `"complete":true,"missing":0`},
		{`POST /v1/conversations/lobby/messages {"text":"build is green"}`, 200, `"accepted":true,"id":"`},
		{`POST /v1/conversations/lobby/messages {"text":"waves","action":true,"wait":"handed"}`, 202, `"accepted":false`},
		{`POST /v1/conversations/lobby/messages {"text":"yes","reply_to":"ID"}`, 200, `"accepted":true`},
		{`POST /v1/conversations/lobby/messages {"edit":"OWN","text":"hello!"}`, 200, `"accepted":true`},
		{`POST /v1/conversations/lobby/messages {"react":"ID","text":"👍"}`, 200, `"accepted":true`},
		{`POST /v1/conversations/lobby/messages {"topic":"what we talk about"}`, 200, `"accepted":true`},
		{`GET /v1/conversations/lobby/topic`, 200, `"text":"what we talk about"`},
		{`GET /v1/conversations/lobby/messages?limit=2`, 200, `"more":true`},
		{`GET /v1/conversations/lobby/messages?seen=1&limit=1`, 200, `"text":"what we talk about"`},
		{`GET /v1/conversations/lobby/messages?before=OWN`, 200, `"text":"good morning, ann"`},
		{`GET /v1/conversations/lobby/messages?after=ID&limit=1`, 200, `"text":"hello!"`},
		{`GET /v1/conversations/lobby/messages?around=OWN&limit=4`, 200, `"edited":true`},
		{`GET /v1/conversations/lobby/messages?after=2020-01-01T00:00:00Z&raw=1`, 200, `"kind":"edit"`},
		{`GET /v1/conversations/lobby/messages?around=OWN`, 200, `"delivery":{"state":"held","reached":2,"held_by":2,"members":3,"reason":""}`},
		{`GET /v1/conversations/lobby/messages/OWN`, 200, `"delivery":{"state":"held","reached":2,"held_by":2,"members":3,"reason":""}`},
		{`GET /v1/search?words=hello`, 200, `"delivery":{"state":"held","reached":2,"held_by":2,"members":3,"reason":""}`},
		{`GET /v1/conversations/lobby/messages/OWN`, 200, `"text":"hello!"`},
		{`GET /v1/conversations/lobby/messages/OWN/delivery`, 200, `"holders":[{"peer":"12D3KooW`},
		{`POST /v1/conversations/lobby/read {"message":"ID"}`, 200, `{}`},
		{`GET /v1/conversations/lobby`, 200, `"unread":0,"mentions":0,"waiting":7,"read":"ID"`},
		{`POST /v1/conversations/lobby/settle {"wait_ms":1000}`, 200, `{"left":0,"settled":true,"event":"`},
		{`GET /v1/search?words=mornin*&in=lobby`, 200, `"text":"good morning, ann"`},
		{`GET /v1/requests`, 200, `{"requests":[{"type":"request","peer":"PEER"`},
		{`POST /v1/requests/PEER {"answer":"accept"}`, 200, `{}`},
		{`GET /v1/requests`, 200, `{"requests":[]}`},
		{`PUT /v1/contacts/PEER {"name":"bob","verified":true}`, 200, `"name":"bob","peer":"PEER","fingerprint":"`},
		{`GET /v1/contacts`, 200, `"verified":true`},
		{`PUT /v1/contacts/PEER {"blocked":true}`, 200, `"blocked":true`},
		{`PUT /v1/contacts/PEER {"blocked":false}`, 200, `"blocked":false`},
		{`DELETE /v1/contacts/PEER`, 200, `{}`},
		{`POST /v1/diagnose {"wait_ms":1000}`, 200, `{"type":"check","name":"seed","status":"ok","saw":"all","advice":"","detail":{"wait":"1s"}}` + "\n" + `{"type":"summary","status":"degraded","exit_code":1`},
		{`POST /v1/conversations/lobby/messages {"delete":"OWN"}`, 200, `"accepted":true`},
		{`GET /v1/conversations/lobby/messages/OWN`, 200, `"deleted":true`},
		{`DELETE /v1/conversations/lobby`, 200, `{"event":"`},

		// What is refused.
		{`GET /v1/nothing`, 404, `{"error":{"code":"not-found"`},
		{`GET /v2/node`, 404, `"code":"other-version","text":"this node has interface 1, and not 2"`},
		{`POST /v1/conversations/lobby/messages {"text":"x"}`, 404, `"code":"not-found"`},
		{`POST /v1/conversations/lobby/messages {"text":"x"}`, 404, `"hint":"open it first"`},
		{`POST /v1/conversations {"room":"x","colour":"red"}`, 400, `"code":"bad-request"`},
		{`POST /v1/conversations {"room":"a b"}`, 400, `"code":"bad-room"`},
		{`POST /v1/conversations {"peer":"12D3KooWnobody"}`, 400, `"code":"bad-peer"`},
		{`POST /v1/conversations {}`, 400, `"code":"bad-request"`},
		{`POST /v1/conversations {"room":"x"} {}`, 400, `something follows`},
		{`POST /v1/conversations/lobby/messages {"text":""}`, 400, `"code":"bad-request"`},
		{`POST /v1/conversations/lobby/messages {"edit":"abc","text":"x"}`, 400, `64 hexadecimal digits`},
		{`PUT /v1/name {"name":""}`, 400, `"code":"bad-name"`},
		{`GET /v1/conversations/nowhere`, 404, `"code":"not-found"`},
		{`GET /v1/conversations/lobby/messages?limit=0`, 400, `"code":"bad-request"`},
		{`GET /v1/conversations/lobby/messages?befroe=OWN`, 400, `befroe`},
		{`GET /v1/conversations/lobby/messages/ID/delivery`, 400, `is not yours`},
		{`GET /v1/search?words=!!`, 400, `"code":"no-words"`},
		{`GET /v1/conversations/lobby/messages?seen=1&after=OWN`, 400, `"code":"bad-request"`},
		{`POST /v1/conversations {"invite":"lobby"}`, 400, `"code":"not-an-invite"`},
		{`POST /v1/conversations {"invite":"p2pchat1x"}`, 400, `"code":"damaged-invite"`},
		{`GET /v1/invite?conversation=a%20b`, 400, `"code":"bad-room"`},
		{`GET /v1/events?after=nonsense`, 400, `"code":"bad-request"`},
		{`POST /v1/requests/PEER {"answer":"maybe"}`, 400, `"code":"bad-request"`},
		{`DELETE /v1/contacts/PEER`, 404, `"code":"not-found"`},
	}
}

// exampleNode is a node where something has happened.
func exampleNode(t testing.TB) (*Server, *strings.Replacer) {
	t.Helper()
	f := apitest.New(t)
	s := serve(t, f)
	lobby := chat.InRoom("lobby")
	if err := f.Join(context.Background(), "lobby"); err != nil {
		t.Fatal(err)
	}
	m := f.Hear(lobby, 1, "good morning, ann")
	own := f.Write(lobby, f.Self(), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "hello")}})
	f.Happen(own, chat.Delivery{Conversation: lobby, ID: own.ID, State: chat.Held, Reached: 2, HeldBy: 2, Members: 3})
	f.Happen(chat.History{Conversation: lobby, Complete: true})
	if err := f.Leave(context.Background(), lobby); err != nil {
		t.Fatal(err)
	}
	f.Show(1, "den", "lobby")
	if _, err := s.requests.Note(apitest.Person(5), apitest.Text(t, "eve"), apitest.Text(t, "hi there"), time.Now()); err != nil {
		t.Fatal(err)
	}
	until(t, "the events are there", func() bool { return s.board.history(lobby).Complete })
	return s, strings.NewReplacer("INVITE", madeBy(apitest.Person(1), "den"), "PEER", apitest.Person(5).String(), "ID", m.ID.String(), "OWN", own.ID.String())
}

func TestDocumentedRequests(t *testing.T) {
	s, put := exampleNode(t)
	for _, x := range examples() {
		method, rest, _ := strings.Cut(put.Replace(x.request), " ")
		path, body, _ := strings.Cut(rest, " ")
		status, answer := curl(t, s, method, path, body)
		if status != x.status || !strings.Contains(answer, put.Replace(x.want)) {
			t.Errorf("%s\n got %d %s\nwant %d ...%s", x.request, status, answer, x.status, x.want)
		}
		if !strings.HasPrefix(path, "/v1/diagnose") && !json.Valid([]byte(answer)) {
			t.Errorf("%s: no JSON: %s", x.request, answer)
		}
	}
}

// The real curl, if there is one, understands the interface too.
func TestRealCurl(t *testing.T) {
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	s, _ := exampleNode(t)
	out, err := exec.Command(path, "-sS", "--max-time", "10", "--unix-socket", SocketPath(s.cfg.Folder.Dir()),
		"-d", `{"room":"lobby"}`, "http://p2pchat/v1/conversations").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`"conversation":"lobby"`)) {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestBodyTooLarge(t *testing.T) {
	s := serve(t, apitest.New(t))
	status, answer := curl(t, s, "PUT", "/v1/name", `{"name":"`+strings.Repeat("x", MaxBody)+`"}`)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, `"code":"too-large"`) {
		t.Fatal(status, answer)
	}
	if err := s.cfg.Node.Join(context.Background(), "lobby"); err != nil {
		t.Fatal(err)
	}
	// The longest text fits, also with each byte written as an escape.
	longest := strings.Repeat(`\u0001`, chat.MaxText)
	status, answer = curl(t, s, "POST", "/v1/conversations/lobby/messages", `{"text":"`+longest+`"}`)
	if status != http.StatusOK {
		t.Fatal(status, answer)
	}
	status, answer = curl(t, s, "POST", "/v1/conversations/lobby/messages", `{"text":"`+longest+`x"}`)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, `"code":"too-long"`) {
		t.Fatal(status, answer)
	}
}

func TestDraftNotStored(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	f.Behave(apitest.Behaviour{Refuse: "the disk is full"})
	_ = f.Join(context.Background(), "lobby")
	status, answer := curl(t, s, "POST", "/v1/conversations/lobby/messages", `{"text":"x"}`)
	if status != http.StatusInsufficientStorage || !strings.Contains(answer, "the disk is full") || !strings.Contains(answer, `"code":"not-accepted"`) {
		t.Fatal(status, answer)
	}
}

func TestPeerChanged(t *testing.T) {
	s := serve(t, apitest.New(t))
	known, err := s.cfg.Folder.KnownHosts()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := known.Learn("localhost:4747", apitest.Person(9)); err != nil {
		t.Fatal(err)
	}
	if status, answer := curl(t, s, "POST", "/v1/conversations", `{"at":"localhost:4747"}`); status != 409 || !strings.Contains(answer, `"code":"peer-changed"`) {
		t.Fatal(status, answer)
	}
	if status, answer := curl(t, s, "POST", "/v1/conversations", `{"at":"localhost:4747","new_key":true}`); status != 200 {
		t.Fatal(status, answer)
	}
}

func TestNoHistory(t *testing.T) {
	f := apitest.New(t)
	s, err := Serve(context.Background(), Config{Node: f, Events: f, Folder: folderOf(t, t.TempDir()+"/d")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, path := range []string{"/v1/search?words=x", "/v1/conversations/lobby/messages", "/v1/conversations/lobby/topic"} {
		if status, answer := curl(t, s, "GET", path, ""); status != 404 || !strings.Contains(answer, `"code":"no-history"`) {
			t.Error(path, status, answer)
		}
	}
}

// FuzzRequestBodies sends any body to each request that takes one.
func FuzzRequestBodies(f *testing.F) {
	for _, x := range examples() {
		_, rest, _ := strings.Cut(x.request, " ")
		_, body, _ := strings.Cut(rest, " ")
		for i := range byte(8) {
			f.Add(i, []byte(body))
		}
	}
	fake := apitest.New(f)
	_ = fake.Join(context.Background(), "lobby")
	s := serve(f, fake)
	handler := s.http.Handler
	p := apitest.Person(5).String()
	targets := [...][2]string{
		{"POST", "/v1/conversations"},
		{"PUT", "/v1/name"},
		{"POST", "/v1/conversations/lobby/messages"},
		{"POST", "/v1/conversations/lobby/read"},
		{"POST", "/v1/conversations/lobby/settle"},
		{"POST", "/v1/requests/" + p},
		{"PUT", "/v1/contacts/" + p},
		{"POST", "/v1/diagnose"},
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		target := targets[int(which)%len(targets)]
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(target[0], target[1], bytes.NewReader(body)))
		if w.Code >= 500 && w.Code != http.StatusInsufficientStorage {
			t.Fatalf("%v %q: %d %s", target, body, w.Code, w.Body)
		}
		if w.Code >= 300 {
			var o errorObject
			if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || o.Error.Code == "" || o.Error.Text == "" {
				t.Fatalf("%v %q: no error of our shape: %s", target, body, w.Body)
			}
		}
	})
}
