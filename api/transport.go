package api

import (
	"context"
	"net"
	"net/http"
)

// maxIdleConns is how many connections to a node are kept that nobody uses.
const maxIdleConns = 8

// Transport sends requests to the node of a data folder, whatever host their URL
// names, with the checks of Dial at each connection: for who passes requests on. It
// finds the next node by itself and repeats nothing. Its connections end when they
// were not used for a while, or by http.Client.CloseIdleConnections.
func Transport(dir string) http.RoundTripper {
	return transport(func(ctx context.Context) (net.Conn, error) {
		c, _, err := dial(ctx, dir)
		return c, err
	})
}

func transport(dial func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:  func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConns: maxIdleConns, MaxIdleConnsPerHost: maxIdleConns, IdleConnTimeout: clientIdle,
		DisableCompression: true,
	}
}
