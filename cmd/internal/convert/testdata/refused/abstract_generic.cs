// ERROR: 2:43: B is abstract and generic, which has no Go form; declare one without type parameters
namespace Samples { public abstract class B<T> { public T X; } public interface IA { B<int> M(); } }
