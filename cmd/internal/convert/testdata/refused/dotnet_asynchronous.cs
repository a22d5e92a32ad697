// ERROR: 4:63: IA.MAsync returns TimeSpan: no .NET caller accepts that as a result of its own; put it in a class
// ERROR: 4:74: IA.MAsync: parameter a is int: no .NET service accepts that as a parameter of its own (it answers AmbiguousMethodMatch); use long, or put it in a class
// OPTIONS: -dotnet
namespace Samples { public interface IAsyncA { Task<TimeSpan> MAsync(int a, CancellationToken token); } }
