// Package csharp reads the declarations of C# source files: namespaces, types,
// their members and attributes. Bodies of methods and the values of most
// expressions are passed over; nothing is resolved or checked beyond what is
// needed to know where a declaration ends.
package csharp
