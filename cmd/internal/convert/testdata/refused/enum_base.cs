// ERROR: 2:37: char cannot be the type beneath an enum; C# allows whole numbers only
namespace Samples { public enum E : char { A } public interface IA { void M(E e); } }
