// ERROR: 10:43: dynamic has no type that can be known; declare a class
// ERROR: 10:53: nint is as wide as the machine's addresses; use long
// ERROR: 10:61: IntPtr is an address, which means nothing to a peer; use long
// ERROR: 10:71: Type is a type of the sender's own program; send its name as a string
// ERROR: 10:79: Lazy<int> is not data; send its value
// ERROR: 10:92: JObject is JSON of any shape; send it as a string, or declare a class
// ERROR: 10:103: Stack<int> comes back in reverse order; use List
// ERROR: 10:117: BigInteger has no form on the wire; send it as a string
// ERROR: 10:144: void is no type of a value
namespace Samples { public interface IA { dynamic M(nint a, IntPtr b, Type c, Lazy<int> d, JObject e, Stack<int> f, BigInteger g); void N(List<void> v); } }
