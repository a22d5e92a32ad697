// ERROR: 2:45: IA.M has type parameters, which a call cannot carry; declare a method for each type
namespace Samples { public interface IA { T M<T>(T value); } }
