// ERROR: 4:44: E.A does not fit into uint8
// ERROR: 4:86: F.C does not fit into int32
// ERROR: 4:106: G.D does not fit into int32
namespace Samples { public enum E : byte { A = 256 } public enum F { B = 2147483647, C } public enum G { D = "x" } public interface IA { void M(E e, F f, G g); } }
