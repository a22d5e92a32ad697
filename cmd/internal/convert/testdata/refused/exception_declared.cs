// ERROR: 2:77: Lost is an exception, which is not data; send its message, or throw it
namespace Samples { public class Lost : Exception { } public interface IA { Lost M(); } }
