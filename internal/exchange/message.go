package exchange

import (
	"github.com/halibut-go/halibut/wire"
)

var (
	lineNext    = []byte(wire.Next + "\r\n")
	lineProceed = []byte(wire.Proceed + "\r\n")
	lineEnd     = []byte(wire.End + "\r\n")
	nullRequest = wire.AppendDeflated(nil, wire.AppendNullRequest(nil))
)

// encodeRequest makes the message of a request, with a control line before it.
func (l *link) encodeRequest(line []byte, r *wire.Request) (wire.Outgoing, error) {
	message, err := wire.EncodeRequest(line, r, l.compresses(len(r.Params.Data)))
	if err != nil {
		return message, &EncodeError{err}
	}
	return message, nil
}

// encodeResponse makes the message of a response, with a control line before it.
func (l *link) encodeResponse(line []byte, r *wire.Response) (wire.Outgoing, error) {
	message, err := wire.EncodeResponse(line, r, l.compresses(len(r.Result.Data)))
	if err != nil {
		return message, &EncodeError{err}
	}
	return message, nil
}
