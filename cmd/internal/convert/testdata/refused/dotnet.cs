// ERROR: 35:19: IA.A: parameter a is sbyte: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:27: IA.A: parameter b is byte: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:36: IA.A: parameter c is short: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:46: IA.A: parameter d is ushort: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:53: IA.A: parameter e is int: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:61: IA.A: parameter f is uint: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 35:70: IA.A: parameter g is ulong: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// ERROR: 36:21: IA.B: parameter a is float: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use double, or put it in a class
// ERROR: 36:32: IA.B: parameter b is decimal: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use double, or put it in a class
// ERROR: 36:40: IA.B: parameter c is char: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use string, or put it in a class
// ERROR: 37:14: IA.C returns TimeSpan: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 37:25: IA.C: parameter a is TimeSpan: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 38:20: IA.D returns DateTimeOffset: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 38:37: IA.D: parameter a is DateTimeOffset: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 39:16: IA.F returns Uri: no .NET caller accepts that as a result of its own; use string, or put it in a class
// ERROR: 39:22: IA.F: parameter a is Uri: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use string, or put it in a class
// ERROR: 40:13: IA.G returns Version: no .NET caller accepts that as a result of its own; use string, or put it in a class
// ERROR: 40:23: IA.G: parameter a is Version: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use string, or put it in a class
// ERROR: 41:7: IA.H returns an enum: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 41:11: IA.H: parameter a is an enum: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 42:10: IA.I returns int?: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 42:17: IA.I: parameter a is int?: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 42:23: IA.I: parameter b is an enum: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 43:31: IA.J returns KeyValuePair: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 43:59: IA.J: parameter a is KeyValuePair: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// ERROR: 44:12: IA.K returns object: Halibut does not let that into a contract; name a type
// ERROR: 44:21: IA.K: parameter a is object: Halibut does not let that into a contract; name a type
// ERROR: 45:16: IA.L returns Queue: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 45:48: IA.L: parameter a is SortedDictionary: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); put it in a class
// OPTIONS: -dotnet
namespace Samples {
  public enum E { A }
  public interface IA {
    int Ok(long a, double b, string c, bool d, DateTime e, Guid f, byte[] g, DateTime? h, long? i);
    sbyte A(sbyte a, byte b, short c, ushort d, int e, uint f, ulong g);
    decimal B(float a, decimal b, char c);
    TimeSpan C(TimeSpan a);
    DateTimeOffset D(DateTimeOffset a);
    System.Uri F(Uri a);
    Version G(Version a);
    E H(E a);
    int? I(int? a, E? b);
    KeyValuePair<string, int> J(KeyValuePair<string, int> a);
    object K(object a);
    Queue<int> L(SortedDictionary<string, int> a);
  }
}
