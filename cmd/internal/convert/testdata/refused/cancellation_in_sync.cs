// ERROR: 2:50: CancellationToken is not sent; it may only be an asynchronous method's last parameter
namespace Samples { public interface IA { void M(CancellationToken t); } }
