// ERROR: 2:11: X is declared neither in the files given nor in their project; name its file, or its folder, too
using X = X; namespace Samples { public interface IA { void M(X x); } }
