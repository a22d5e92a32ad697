// ERROR: 3:34: A derives from itself, or has more than 50 classes above it
// ERROR: 3:57: B derives from itself, or has more than 50 classes above it
namespace Samples { public class A : B { } public class B : A { public int X; } public interface IC { A M(); } }
