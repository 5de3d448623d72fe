package gui

import (
	"encoding/json"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

// maxCode is the longest text of a QR code, in bytes.
const maxCode = invite.MaxText

// write answers in the one shape of errors (PROTOCOL.md, section 11).
func (no *refusal) write(w http.ResponseWriter) {
	var o struct {
		Error struct {
			Code string `json:"code"`
			Text string `json:"text"`
			Hint string `json:"hint,omitempty"`
		} `json:"error"`
	}
	o.Error.Code, o.Error.Text, o.Error.Hint = no.code, no.text, no.hint
	answer(w, no.status, o)
}

func answer(w http.ResponseWriter, status int, o any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(o) // who is gone need not be told
}

// A code is the QR code of a text: its rows from the top, '1' for black.
type code struct {
	Rows []string `json:"rows"`
}

// drawCode answers POST /page/qr {"text":"..."}.
func drawCode(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Text string `json:"text"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Text == "" || len(q.Text) > maxCode {
		(&refusal{http.StatusBadRequest, "bad-request", "this text has no QR code", ""}).write(w)
		return
	}
	if invite.Is(q.Text) { // either case will do, and capitals take less space
		q.Text = strings.ToUpper(q.Text)
	}
	c, err := qr.Encode(q.Text, qr.L)
	if err != nil {
		(&refusal{http.StatusBadRequest, "bad-request", chat.SafeString(err.Error()), ""}).write(w)
		return
	}
	o := code{Rows: make([]string, 0, c.Size)}
	for y := range c.Size {
		var b strings.Builder
		for x := range c.Size {
			if c.Black(x, y) {
				b.WriteByte('1')
			} else {
				b.WriteByte('0')
			}
		}
		o.Rows = append(o.Rows, b.String())
	}
	answer(w, http.StatusOK, o)
}

// tellPerson answers GET /page/person/PEER with what two people compare.
func tellPerson(w http.ResponseWriter, r *http.Request) {
	p, err := chat.ParsePeerID(r.PathValue("peer"))
	if err != nil {
		(&refusal{http.StatusBadRequest, "bad-peer", chat.SafeString(err.Error()), "a peer ID looks like 12D3KooW..."}).write(w)
		return
	}
	answer(w, http.StatusOK, struct {
		Peer        chat.PeerID `json:"peer"`
		Fingerprint string      `json:"fingerprint"`
	}{p, p.Fingerprint()})
}

// tellPage answers GET /page/info: what the page must know of its server.
func (s *Server) tellPage(w http.ResponseWriter, _ *http.Request) {
	open := []string{}
	if s.cfg.Open != nil {
		open = append(open, s.cfg.Open()...)
	}
	answer(w, http.StatusOK, struct {
		Version string   `json:"version"`
		MaxText int      `json:"max_text"`
		MaxPage int      `json:"max_page"`
		Name    string   `json:"default_name"`
		Open    []string `json:"open"`
	}{chat.SafeString(s.cfg.Version), chat.MaxText, api.MaxPage, chat.SafeString(s.cfg.DefaultName), open})
}
