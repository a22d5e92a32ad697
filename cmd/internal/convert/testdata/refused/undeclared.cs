// ERROR: 3:43: Missing is declared neither in the files given nor in their project; name its file, or its folder, too
// ERROR: 3:53: Other.Missing<int> is declared neither in the files given nor in their project; name its file, or its folder, too
namespace Samples { public interface IA { Missing M(Other.Missing<int> m); } }
