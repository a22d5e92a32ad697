// ERROR: 3:43: System.Exception is not data; send its message, or throw it
// ERROR: 3:65: HttpRequestException is not data; send its message, or throw it
namespace Samples { public interface IA { System.Exception M(); HttpRequestException N(); } }
