// ERROR: 58:25: Contract.A, parameter a is sbyte in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:33: Contract.A, parameter b is short in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:42: Contract.A, parameter c is int in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:51: Contract.A, parameter d is byte in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:60: Contract.A, parameter e is ushort in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:70: Contract.A, parameter f is uint in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:80: Contract.A, parameter g is ulong in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 58:90: Contract.A, parameter h is ulong in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use int64, which is long in .NET
// ERROR: 59:25: Contract.B, parameter a is float in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use float64, which is double in .NET
// ERROR: 60:25: Contract.C, parameter a is a TimeSpan in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send its ticks as an int64
// ERROR: 60:42: Contract.C, parameter b is a TimeSpan in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send its ticks as an int64
// ERROR: 60:63: Contract.C, result is a TimeSpan in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); put it in a struct, or send its ticks as an int64
// ERROR: 61:25: Contract.D, parameter a is a Uri in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send it as a string
// ERROR: 61:37: Contract.D, parameter b is a Uri in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send it as a string
// ERROR: 61:50: Contract.D, result is a Uri in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); put it in a struct, or send it as a string
// ERROR: 62:25: Contract.E, parameter a is a Version in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send it as a string
// ERROR: 62:42: Contract.E, result is a Version in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); put it in a struct, or send it as a string
// ERROR: 63:25: Contract.F, parameter a is an enum in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send it as an int64 or a string
// ERROR: 63:34: Contract.F, parameter b is an enum in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct, or send it as an int64 or a string
// ERROR: 63:45: Contract.F, result is an enum in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); put it in a struct, or send it as an int64 or a string
// ERROR: 64:25: Contract.G, parameter a is int? in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); put it in a struct
// ERROR: 64:36: Contract.G, result is int? in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); put it in a struct
// ERROR: 65:25: Contract.H, parameter a is a KeyValuePair in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); send a struct of your own, or two parameters
// ERROR: 65:60: Contract.H, result is a KeyValuePair in .NET: no .NET caller accepts it as a result of its own (it throws InvalidCastException); send a struct of your own, or two parameters
// ERROR: 66:25: Contract.I, parameter a is a char in .NET: no .NET service accepts it as a parameter of its own (it answers AmbiguousMethodMatch); use a string
// ERROR: 67:25: Contract.J, parameter a is object in .NET, which Halibut does not let into a contract; name the type
// ERROR: 67:32: Contract.J, parameter b has elements that are object in .NET, which Halibut does not let into a contract; name their type
// ERROR: 67:41: Contract.J, parameter c has elements that are object in .NET, which Halibut does not let into a contract; name their type
// ERROR: 67:60: Contract.J, result is object in .NET, which Halibut does not let into a contract; name the type
// ERROR: 68:25: Contract.K, parameter a needs the name of its .NET type: add the method func (Nameless) DotNetType() string { return "Namespace.Nameless, Assembly" }
// ERROR: 68:37: Contract.K, parameter b needs the name of its .NET type: add the method func (Nameless) DotNetType() string { return "Namespace.Nameless, Assembly" }
// ERROR: 68:50: Contract.K, parameter c needs the name of its .NET type: add the method func (Nameless) DotNetType() string { return "Namespace.Nameless, Assembly" }
// ERROR: 68:64: Contract.K, parameter d needs the name of its .NET type: add the method func (Nameless) DotNetType() string { return "Namespace.Nameless, Assembly" }
// ERROR: 68:91: Contract.K, result needs the name of its .NET type: add the method func (Nameless) DotNetType() string { return "Namespace.Nameless, Assembly" }
// ERROR: 69:25: Contract.L, parameter a is a struct without a name, which .NET cannot know; declare a type with a method DotNetType() string
// ERROR: 70:2: Contract.SayAsync: .NET calls the method without the ending Async; name it with //halibut:method Say
package refused

import (
	"context"
	"net/url"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

type (
	Level    int64
	Nameless struct{ X int }
	Words    = []string
)

const Low Level = 1

//halibut:dotnet
type Contract interface {
	A(ctx context.Context, a int8, b int16, c int32, d uint8, e uint16, f uint32, g uint64, h uint) error
	B(ctx context.Context, a float32) error
	C(ctx context.Context, a time.Duration, b halibut.TimeSpan) (halibut.TimeSpan, error)
	D(ctx context.Context, a wire.URI, b *url.URL) (wire.URI, error)
	E(ctx context.Context, a wire.Version) (*wire.Version, error)
	F(ctx context.Context, a Level, b *Level) (Level, error)
	G(ctx context.Context, a *int32) (*int32, error)
	H(ctx context.Context, a wire.KeyValuePair[string, int]) (wire.KeyValuePair[string, int], error)
	I(ctx context.Context, a wire.Char) (wire.Char, error)
	J(ctx context.Context, a any, b []any, c map[string]any) (any, error)
	K(ctx context.Context, a Nameless, b *Nameless, c []Nameless, d map[string][]*Nameless) (Nameless, error)
	L(ctx context.Context, a struct{ X int }) error
	SayAsync(ctx context.Context, words Words) error
}
