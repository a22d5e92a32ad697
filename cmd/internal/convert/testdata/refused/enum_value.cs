// ERROR: 2:47: the constant “Other . X” is beyond what halibutgen computes; write its value as a number
namespace Samples { public enum E { A = Other.X, B } public interface IA { void M(E e); } }
