// What lives beside contracts in such projects and does not travel.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Halibut.ServiceModel;

namespace Agent.Contracts.Around
{
    public interface IAsyncJobService
    {
        Task<JobStatus> StartAsync(StartJobCommand command, CancellationToken cancellationToken);
        Task<JobStatus> GetStatusAsync(JobStatusRequest request, CancellationToken cancellationToken);
        Task FinishAsync(JobTicket ticket, CancellationToken cancellationToken);
    }

    public interface IAsyncClientJobService
    {
        Task<JobStatus> StartAsync(StartJobCommand command, HalibutProxyRequestOptions options);
        Task<JobStatus> GetStatusAsync(JobStatusRequest request, HalibutProxyRequestOptions options);
        Task FinishAsync(JobTicket ticket, HalibutProxyRequestOptions options);
    }

    public interface ITaskLog
    {
        void Info(string message);
        void Warn(Exception exception, string message);
    }

    public interface IObserver
    {
        void Completed(CallMetrics metrics, ITaskLog log);
    }

    public interface INothing { }

    public class Measured
    {
        public DateTimeOffset Start { get; }
        public DateTimeOffset End { get; }
        public TimeSpan Duration => End - Start;
    }

    public class CallMetrics
    {
        public Measured Call { get; }
        public Exception? Exception { get; }
    }

    public class NoObserver : IObserver
    {
        public void Completed(CallMetrics metrics, ITaskLog log)
        {
        }
    }

    public class JobServiceDecorator : IJobService
    {
        readonly IJobService inner;
        public JobServiceDecorator(IJobService inner) => this.inner = inner;
        public JobStatus Start(StartJobCommand command) => inner.Start(command);
        public JobStatus GetStatus(JobStatusRequest request) { return inner.GetStatus(request); }
        public void Finish(JobTicket ticket) => inner.Finish(ticket);
    }

    public class JobFailedException : Exception
    {
        public int Code { get; set; }
    }

    public class JobLostException : JobFailedException { public string Id { get; set; } }

    public class MarkAttribute : Attribute { public string Name { get; set; } }

    public delegate void Changed(JobState state);

    public static class Extensions
    {
        public static IJobService Decorated(this IJobService service) => new JobServiceDecorator(service);
    }

    public class Unused<T> { public T Value { get; set; } }

    static class Names
    {
        public static string Assembly => typeof(Names).Assembly.FullName ?? throw new InvalidOperationException();
    }
}
