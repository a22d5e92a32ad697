// ERROR: 3:90: B.X hides a member of its base class, so .NET would send one name twice; give it a name of its own
// ERROR: 3:108: B.Y hides a member of its base class, so .NET would send one name twice; give it a name of its own
namespace Samples { public class A { public int X; } public class B : A { public new int X; public new int Y { get; } } public interface IA { B M(); } }
