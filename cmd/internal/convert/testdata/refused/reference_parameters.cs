// ERROR: 4:58: IA.M: parameter a is passed by reference (ref), which a call cannot do; return the value instead
// ERROR: 4:69: IA.M: parameter b is passed by reference (out), which a call cannot do; return the value instead
// ERROR: 4:79: IA.M: parameter c is passed by reference (in), which a call cannot do; return the value instead
namespace Samples { public interface IA { void M(ref int a, out int b, in int c); } }
