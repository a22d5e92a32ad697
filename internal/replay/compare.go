package replay

import (
	"bytes"
	"fmt"
	"strings"
)

// Compare says how an item differs, in its meaning, from the recorded one of a
// release. renamed are recorded type names with what the item has in their
// place, if not nil. Streams are compared husk by husk: which ids they have, and whether
// one that occurs twice is sent twice, is the sender's own business.
func Compare(want, got Item, release string, renamed *strings.Replacer) error {
	if want.Kind != got.Kind {
		return fmt.Errorf("recorded is %v, and now it is %v", want, got)
	}
	switch want.Kind {
	case Identity:
		return compareIdentity(want.Text, got.Text)
	case Preamble, Line:
		if want.Text != got.Text {
			return fmt.Errorf("recorded is %q, and now it is %q", want.Text, got.Text)
		}
	case Message:
		text := want.Comparable(release)
		if renamed != nil {
			text = renamed.Replace(text)
		}
		if diff := firstDifference(text, got.Comparable(release)); diff != "" {
			return fmt.Errorf("%v: %s", want, diff)
		}
		return compareStreams(want, got)
	}
	return nil
}

// compareIdentity ignores the capability words that a dialler may add.
func compareIdentity(want, got string) error {
	if got == want || strings.HasPrefix(got, want+" ") && !strings.HasPrefix(want, "MX-SERVER") {
		return nil
	}
	return fmt.Errorf("recorded is the identity %q, and now it is %q", want, got)
}

func firstDifference(want, got string) string {
	if want == got {
		return ""
	}
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			return fmt.Sprintf("recorded is\n\t%.400s\nand now it is\n\t%.400s", wants[i], gots[i])
		}
	}
	return fmt.Sprintf("recorded are %d values, and now there are %d", len(wants), len(gots))
}

func compareStreams(want, got Item) error {
	wants, gots := want.Husks(), got.Husks()
	for i, husk := range gots {
		was, recorded := want.stream(wants[i].ID)
		content, sent := got.stream(husk.ID)
		switch {
		case !recorded:
			continue // it was cut off
		case !sent:
			return fmt.Errorf("%v: stream %d of %d bytes did not come", want, i, len(was))
		case !bytes.Equal(was, content):
			return fmt.Errorf("%v: stream %d differs: %d bytes %.20x…, recorded are %d bytes %.20x…", want, i, len(content), content, len(was), was)
		}
	}
	return nil
}
