package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// maxFinding is the longest line of a diagnosis, in bytes.
const maxFinding = 1 << 20

// A DiagnoseQuery says what to look at. The zero value looks at the node itself.
type DiagnoseQuery struct {
	// Peer is whom to reach, and Addrs where it may be; or At is a host:port.
	Peer  chat.PeerID
	Addrs []string
	At    string
	// Wait bounds the waiting. If zero, 10 seconds.
	Wait time.Duration
}

// Diagnose looks at everything a chat needs, and calls told for each finding as
// soon as it is known.
func (c *Client) Diagnose(ctx context.Context, q DiagnoseQuery, told func(Check)) (Summary, error) {
	b := diagnoseBody{Addrs: q.Addrs, At: q.At, Wait: q.Wait.Milliseconds()}
	if !q.Peer.IsZero() {
		b.Peer = q.Peer.String()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer c.watch(ctx, cancel)()
	resp, err := c.exchange(ctx, request{method: http.MethodPost, path: "/v1/diagnose", body: b})
	if err != nil {
		return Summary{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
		return Summary{}, readError(resp.StatusCode, b)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxFinding)
	for lines.Scan() {
		sum, over, err := finding(lines.Bytes(), told)
		if over || err != nil {
			return sum, err
		}
	}
	return Summary{}, fmt.Errorf("%w: the diagnosis ended early: %w", errBroken, errors.Join(lines.Err(), ended(ctx)))
}

// finding reads a line of a diagnosis; over is set at the last.
func finding(line []byte, told func(Check)) (sum Summary, over bool, err error) {
	var head struct {
		Type  string
		Error json.RawMessage
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return sum, false, malformed("diagnosis", err)
	}
	switch {
	case head.Error != nil:
		return sum, true, readError(http.StatusInternalServerError, line)
	case head.Type == "summary":
		err := json.Unmarshal(line, &sum)
		return sum, true, err
	case head.Type == "check":
		var o Check
		if err := json.Unmarshal(line, &o); err != nil {
			return sum, false, malformed("diagnosis", err)
		}
		if told != nil {
			told(o)
		}
	}
	return sum, false, nil
}
