// ERROR: -idempotent names IA.N, which is no method of these contracts; write IContract.Method
// OPTIONS: -idempotent IA.N
namespace Samples { public interface IA { void M(); } }
