// ERROR: 2:38: IA is a generic interface; peers know one contract by one name, so declare one without type parameters
namespace Samples { public interface IA<T> { T M(T value); } }
