// ERROR: 4:38: B is a collection (List<int>): .NET sends its elements and none of its members; use List<int> itself
// ERROR: 4:83: D is a collection (Dictionary<string, int>): .NET sends its elements and none of its members; use Dictionary<string, int> itself
// ERROR: 4:128: E is a collection (System.Collections.Generic.IEnumerable<int>): .NET sends its elements and none of its members; use System.Collections.Generic.IEnumerable<int> itself
namespace Samples { public class B : List<int> { public int X; } public class D : Dictionary<string, int> { } public class E : System.Collections.Generic.IEnumerable<int> { } public interface IA { B M(D d, E e); } }
