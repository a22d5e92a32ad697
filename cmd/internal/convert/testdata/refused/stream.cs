// ERROR: 3:43: Stream is a stream that .NET cannot send either; use Halibut.DataStream
// ERROR: 3:52: System.IO.Stream is a stream that .NET cannot send either; use Halibut.DataStream
namespace Samples { public interface IA { Stream M(System.IO.Stream s); } }
