package bson

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Error says what is wrong with a document and where.
type Error struct {
	Offset int    // in bytes from the start of the document
	Reason string // in plain words
}

func (e *Error) Error() string { return fmt.Sprintf("bson: at byte %d: %s", e.Offset, e.Reason) }

// Validate walks a whole document once and accepts it only if every length is
// exact, every name and string ends in NUL and is UTF-8, every bool is 0 or 1,
// every type is known and nothing nests deeper than maxDepth (the document
// itself is 1; 0 or less means [DefaultMaxDepth]). The error is an [*Error].
// It allocates nothing unless it fails.
func Validate(doc []byte, maxDepth int) error {
	_, err := ValidateIDs(doc, maxDepth)
	return err
}

// ValidateIDs is Validate, and tells whether any member has the name id, in
// whatever case, and is a GUID.
func ValidateIDs(doc []byte, maxDepth int) (ids bool, err error) {
	w := walker{doc: doc, maxDepth: limit(maxDepth)}
	end, err := w.value(Document, 0, len(doc), 0)
	if err != nil {
		return false, err
	}
	if end != len(doc) {
		return false, w.errorf(0, "the document says it is %d bytes long, but there are %d", end, len(doc))
	}
	return w.ids, nil
}

func limit(maxDepth int) int {
	if maxDepth <= 0 {
		return DefaultMaxDepth
	}
	return maxDepth
}

type walker struct {
	doc      []byte
	maxDepth int
	ids      bool // a GUID has the name id
}

func (w *walker) errorf(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// value checks the value that starts at off and returns where it ends, which
// is at most limit. depth is how many documents are open around it.
func (w *walker) value(kind Type, off, limit, depth int) (int, error) {
	switch kind {
	case Double, DateTime, Int64:
		return w.fixed(kind, off, limit, 8)
	case Int32:
		return w.fixed(kind, off, limit, 4)
	case Null:
		return off, nil
	case Bool:
		end, err := w.fixed(kind, off, limit, 1)
		if err == nil && w.doc[off] > 1 {
			err = w.errorf(off, "a bool is 0 or 1, not %d", w.doc[off])
		}
		return end, err
	case String:
		return w.text(off, limit)
	case Binary:
		return w.binary(off, limit)
	case Document, Array:
		return w.document(kind, off, limit, depth+1)
	}
	return 0, w.errorf(off, "unknown element %s", kind)
}

func (w *walker) fixed(kind Type, off, limit, size int) (int, error) {
	if limit-off < size {
		return 0, w.errorf(off, "the %s takes %d bytes, %d are left", kind, size, limit-off)
	}
	return off + size, nil
}

// length reads a length prefix that may announce at least least bytes and,
// with extra bytes around them, no more than there are before limit.
func (w *walker) length(kind Type, off, limit, least, extra int) (int, error) {
	if limit-off < 4 {
		return 0, w.errorf(off, "the length of a %s takes 4 bytes, %d are left", kind, limit-off)
	}
	size := int(int32(binary.LittleEndian.Uint32(w.doc[off:])))
	if size < least {
		return 0, w.errorf(off, "a %s cannot have length %d", kind, size)
	}
	if size > limit-off-extra {
		return 0, w.errorf(off, "a %s of length %d does not fit into the %d bytes left", kind, size, limit-off)
	}
	return size, nil
}

func (w *walker) text(off, limit int) (int, error) {
	size, err := w.length(String, off, limit, 1, 4)
	if err != nil {
		return 0, err
	}
	end := off + 4 + size
	if w.doc[end-1] != 0 {
		return 0, w.errorf(end-1, "a string ends in NUL, not 0x%02x", w.doc[end-1])
	}
	if !ValidText(w.doc[off+4 : end-1]) {
		return 0, w.errorf(off+4, "a string is not UTF-8")
	}
	return end, nil
}

// ValidText reports whether a text is UTF-8.
func ValidText(text []byte) bool { return ascii(text) || utf8.Valid(text) }

// ascii is for texts that most often are short.
func ascii(text []byte) bool {
	for len(text) >= 8 {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
		text = text[8:]
	}
	all := byte(0)
	for _, c := range text {
		all |= c
	}
	return all < utf8.RuneSelf
}

func (w *walker) binary(off, limit int) (int, error) {
	size, err := w.length(Binary, off, limit, 0, 5)
	if err != nil {
		return 0, err
	}
	return off + 5 + size, nil
}

func (w *walker) document(kind Type, off, limit, depth int) (int, error) {
	if depth > w.maxDepth {
		return 0, w.errorf(off, "documents nest deeper than %d (Limits.Depth)", w.maxDepth)
	}
	size, err := w.length(kind, off, limit, 5, 0)
	if err != nil {
		return 0, err
	}
	end := off + size
	if w.doc[end-1] != 0 {
		return 0, w.errorf(end-1, "a %s ends in NUL, not 0x%02x", kind, w.doc[end-1])
	}
	last := end - 1
	for off += 4; off < last; {
		element := Type(w.doc[off])
		if element == 0 {
			return 0, w.errorf(off, "a %s ends %d bytes before its length says", kind, last-off)
		}
		if !known(element) {
			return 0, w.errorf(off, "unknown element %s", element)
		}
		name := off + 1
		if off, err = w.name(name, last); err != nil {
			return 0, err
		}
		if element == Binary && off-name == len("id\x00") && w.isID(name, off, last) {
			w.ids = true
		}
		if off, err = w.value(element, off, last, depth); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// name checks the name that starts at off and returns where the value does.
// Names are short: a loop is done before a search has begun.
func (w *walker) name(off, limit int) (int, error) {
	doc := w.doc[:limit]
	all := byte(0)
	for i := off; i < len(doc); i++ {
		c := doc[i]
		if c == 0 {
			if all >= utf8.RuneSelf && !utf8.Valid(doc[off:i]) {
				return 0, w.errorf(off, "an element's name is not UTF-8")
			}
			return i + 1, nil
		}
		all |= c
	}
	return 0, w.errorf(off, "an element's name has no end")
}

// isID tells whether the binary value at off, whose name of two bytes starts at
// name, is a GUID with the name id.
func (w *walker) isID(name, off, limit int) bool {
	return w.doc[name]|0x20 == 'i' && w.doc[name+1]|0x20 == 'd' && limit-off > 4 &&
		binary.LittleEndian.Uint32(w.doc[off:]) == 16 && w.doc[off+4] == SubtypeGUID
}

func known(kind Type) bool {
	switch kind {
	case Double, String, Document, Array, Binary, Bool, DateTime, Null, Int32, Int64:
		return true
	}
	return false
}
