// ERROR: 3:52: Exception is not data; send its message, or throw it
// OPTIONS: -type ILog
namespace Samples { public interface ILog { void M(Exception e); } public interface IB { void N(); } }
