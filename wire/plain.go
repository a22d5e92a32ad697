package wire

import "fmt"

// ReadPlainDocument reads one BSON document that is not compressed, as the
// protocol of 2013 has it (wire protocol, section 5), and not one byte beyond.
// Its length prefix bounds the read; memory is taken as the bytes come. Errors
// and the Budget are as for [Reader.ReadDocument].
func (r *Reader) ReadPlainDocument() ([]byte, error) {
	r.ReleaseDocument()
	b := r.buffered()
	if _, err := b.Peek(1); err != nil {
		return nil, err
	}
	d := documentBuffer{r: r, limit: r.limits().MaxDocument()}
	for !d.complete() {
		if err := d.readPlain(); err != nil {
			r.ReleaseDocument()
			return nil, err
		}
	}
	return d.buf, nil
}

func (d *documentBuffer) readPlain() error {
	space, err := d.space()
	if err != nil {
		return err
	}
	n, err := d.r.buf.Read(space)
	if bad := d.added(n); bad != nil {
		return fmt.Errorf("reading a document: %w", bad)
	}
	if err != nil && !d.complete() {
		return d.cut(err)
	}
	return nil
}
