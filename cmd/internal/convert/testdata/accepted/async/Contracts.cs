using System.Threading;
using System.Threading.Tasks;
using Halibut.ServiceModel;

namespace Async.Contracts
{
    public interface IAsyncEchoService
    {
        Task<string> SayHelloAsync(string name, CancellationToken cancellationToken);
        ValueTask StopAsync();
    }

    public interface IAsyncClientClockService
    {
        Task<long> NowAsync(HalibutProxyRequestOptions options);
    }

    public interface IMixedService
    {
        Task<long> CountAsync(string name);
        long Count(long after);
    }

    public class EchoService { public string Name { get; set; } }
}

namespace Async.Contracts.Other
{
    public class Left { public int X { get; set; } }
    public interface ILeftService { void Go(Left left); }
}
