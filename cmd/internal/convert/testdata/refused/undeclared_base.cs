// ERROR: 2:38: B derives from Elsewhere, which is declared neither in the files given nor in their project; name its file too
namespace Samples { public class B : Elsewhere { public int X; } public interface IA { B M(); } }
