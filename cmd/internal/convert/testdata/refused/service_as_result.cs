// ERROR: 2:77: IB is an interface with methods, which is not data; send a class
namespace Samples { public interface IB { void N(); } public interface IA { IB M(); } }
