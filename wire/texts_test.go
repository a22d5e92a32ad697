package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// Texts of a list share storage, and are the texts that they were.
func TestTextsOfAListShareStorage(t *testing.T) {
	want := make([]string, 500)
	for i := range want {
		want[i] = strings.Repeat(fmt.Sprint(i%10), i%100)
	}
	raw, err := new(Codec).EncodeResult(nil, nil, want)
	if err != nil {
		t.Fatal(err)
	}
	var first, second []string
	if err := new(Codec).Decode(raw, nil, &first); err != nil {
		t.Fatal(err)
	}
	if err := new(Codec).Decode(raw, nil, &second); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first, want) || !slices.Equal(second, want) {
		t.Error("they are other texts")
	}
	if behind := countBehind(first); behind < 100 {
		t.Errorf("%d texts lie behind the one before", behind)
	}
	n := testing.AllocsPerRun(10, func() {
		if err := new(Codec).Decode(raw, nil, &first); err != nil {
			t.Fatal(err)
		}
	})
	if n > float64(len(want))/2 { // the long ones have their own
		t.Errorf("%v allocations for %d texts", n, len(want))
	}
}

// countBehind counts the texts that begin where the one before ends.
func countBehind(list []string) (n int) {
	for i := 1; i < len(list); i++ {
		before, text := list[i-1], list[i]
		if before != "" && text != "" && uintptr(unsafe.Pointer(unsafe.StringData(before)))+uintptr(len(before)) == uintptr(unsafe.Pointer(unsafe.StringData(text))) {
			n++
		}
	}
	return n
}

// No more is allocated for shared texts than their list is long on the wire.
func TestTextsTakeNoMoreThanTheirList(t *testing.T) {
	var shared texts
	if shared.share(1000, textsShared-1) {
		t.Error("the texts of a short list are shared")
	}
	if !shared.share(1500, textsShared) || shared.share(1500, textsShared) {
		t.Error("a list within a list shares for itself")
	}
	blocks := 0
	var last []byte
	for i := range 200 {
		text := shared.text([]byte(fmt.Sprintf("text %06d", i)))
		if text != fmt.Sprintf("text %06d", i) {
			t.Fatalf("text %d is %q", i, text)
		}
		if len(shared.block) > 0 && (last == nil || &last[0] != &shared.block[0]) {
			blocks += cap(shared.block)
			last = shared.block
		}
	}
	if blocks == 0 || blocks > 1500 {
		t.Errorf("%d bytes were allocated for the texts of a list of 1500", blocks)
	}
	shared.end()
	if shared.left != 0 || shared.block != nil {
		t.Error("the storage is kept")
	}
}
