// ERROR: 2:38: B writes itself (ISerializable), so its form is not known here; write this type in Go by hand
namespace Samples { public class B : ISerializable { public int X; } public interface IA { B M(); } }
