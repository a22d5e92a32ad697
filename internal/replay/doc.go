// Package replay reads recorded connections, splits what each side of them
// wrote into items, and plays one side again to an implementation under test,
// whose items it compares with those of the side that was recorded.
//
// It splits and reads on its own, not with the reader of the wire package: what
// judges that reader must not share its mistakes. Only tests import it.
package replay
