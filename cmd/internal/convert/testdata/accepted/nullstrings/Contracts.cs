using System;
using System.Collections.Generic;
namespace Null.Strings
{
    public interface IText { string Echo(string value, List<string> all, Uri link); }
    public class Page
    {
        public string Title { get; set; }
        public Version Release { get; set; }
        public Dictionary<string, string> Names { get; set; }
        public HashSet<string> Tags { get; set; }
#nullable enable
        public string Sure { get; set; }
    }
}
