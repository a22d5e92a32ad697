// The shapes that a deployment agent's contracts have: get-only members set by
// constructors, collections that the reader fills, responses that are cached.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Halibut;
using Halibut.Transport.Caching;
using Newtonsoft.Json;

namespace Agent.Contracts
{
    /// <summary>
    /// Runs jobs on the <see cref="T:Agent.Contracts.Machine"/> that the agent
    /// lives on. Tickets are <c>opaque</c>.
    ///
    /// <para>Start, then ask.</para>
    /// </summary>
    public interface IJobService
    {
        /// <summary>Starts a job &amp; answers at once.</summary>
        /// <param name="command">What to run.</param>
        JobStatus Start(StartJobCommand command);
        JobStatus GetStatus(JobStatusRequest request);
        void Finish(JobTicket ticket);
    }

    public interface IAgentCapabilities
    {
        [CacheResponse(600)]
        Capabilities Get();
    }

    public interface IFiles
    {
        Received Upload(string path, DataStream contents);
        DataStream? Download(string path);
    }

    public class Capabilities
    {
        public List<string> Supported { get; }

        public Capabilities(List<string> supported)
        {
            this.Supported = supported;
        }
    }

    public class JobTicket : IEquatable<JobTicket>
    {
        public JobTicket(string id)
        {
            Id = id ?? throw new ArgumentNullException(nameof(id));
        }

        public string Id { get; }

        public bool Equals(JobTicket? other) => other is { } && string.Equals(Id, other.Id, StringComparison.OrdinalIgnoreCase);

        public override bool Equals(object? obj)
            => obj is JobTicket ticket && Equals(ticket);

        public override int GetHashCode()
            => Id != null ? StringComparer.OrdinalIgnoreCase.GetHashCode(Id) : 0;

        public static bool operator ==(JobTicket left, JobTicket right)
            => Equals(left, right);

        public static bool operator !=(JobTicket left, JobTicket right)
            => !Equals(left, right);

        public override string ToString() => $"ticket {Id}";
    }

    public enum Shell
    {
        PowerShell,
        Bash
    }

    public enum JobState
    {
        // Their order is part of the protocol.
        Waiting,
        Running,
        Done
    }

    public class StartJobCommand
    {
        [JsonConstructor]
        public StartJobCommand(string body, TimeSpan mutexTimeout, string? mutexName, string[] arguments, JobTicket ticket, TimeSpan? waitFor)
        {
            Body = body;
            MutexTimeout = mutexTimeout;
            MutexName = mutexName;
            Arguments = arguments;
            Ticket = ticket;
            WaitFor = waitFor;
        }

        public StartJobCommand(string body, TimeSpan mutexTimeout, string mutexName, string[] arguments, JobTicket ticket, TimeSpan? waitFor,
            Dictionary<Shell, string>? others,
            params JobFile[]? files)
            : this(body, mutexTimeout, mutexName, arguments, ticket, waitFor)
        {
            if (files != null)
                Files.AddRange(files);
            if (others == null || !others.Any())
                return;
            foreach (var other in others)
            {
                Others.Add(other.Key, other.Value);
            }
        }

        public JobTicket Ticket { get; set; }
        public string Body { get; }
        public TimeSpan? WaitFor { get; }

        public TimeSpan MutexTimeout { get; }
        public string? MutexName { get; } // only since the second release

        public Dictionary<Shell, string> Others { get; } = new();
        public List<JobFile> Files { get; } = new List<JobFile>();
        public string[] Arguments { get; }
    }

    public class JobFile
    {
        [JsonConstructor]
        public JobFile(string name, DataStream contents, string? password)
        {
            Name = name;
            Contents = contents;
            Password = password;
        }

        public JobFile(string name, DataStream contents) : this(name, contents, null)
        {
        }

        public string Name { get; }

        public DataStream Contents { get; }

        public string? Password { get; }
    }

    public class JobStatusRequest
    {
        public JobStatusRequest(JobTicket ticket, long after)
        {
            Ticket = ticket;
            After = after;
        }

        public JobTicket Ticket { get; }

        public long After { get; }
    }

    [DebuggerDisplay("{At} | {Text}")]
    public class LogLine
    {
        public LogLine(string text) : this(text, DateTimeOffset.UtcNow)
        {
        }

        [JsonConstructor]
        public LogLine(string text, DateTimeOffset at)
        {
            Text = text;
            At = at;
        }

        /// <summary>When the line was written.</summary>
        public DateTimeOffset At { get; }

        public string Text { get; }
    }

    public class JobStatus
    {
        public JobStatus(JobTicket ticket, JobState state, int exitCode, List<LogLine> log, long next)
        {
            (Ticket, State, ExitCode, Log, Next) = (ticket, state, exitCode, log, next);
        }

        public JobTicket Ticket { get; }
        public List<LogLine> Log { get; }
        public long Next { get; }
        public JobState State { get; }
        public int ExitCode { get; }
    }

    public class Received
    {
        public string Path { get; }
        public string Hash { get; }
        public long Length { get; }
    }

    public static class ExitCodes
    {
        public const int Fine = 0;
        /// <summary>Nothing can be done.</summary>
        public const int Fatal = -41;
        public const int Worse = Fatal - 1;
        public const string Marker = "# " + "MARK";
        public const double Ratio = 1.5;
        internal const int Hidden = 3;
    }
}
