#nullable enable
using System;
using System.Collections.Generic;
using Halibut;

namespace Acme.Build.Contracts
{
    public interface IBuildService
    {
        BuildResult Build(BuildRequest request);
        DataStream GetLog(string buildId);
    }

    public class BuildRequest
    {
        public string Project { get; set; } = "";
        public int Attempt { get; set; }
        public List<string> Targets { get; set; } = new List<string>();
        public DataStream? Source { get; set; }
    }

    public class BuildResult
    {
        public string BuildId { get; set; } = "";
        public bool Succeeded { get; set; }
        public TimeSpan Took { get; set; }
    }
}
