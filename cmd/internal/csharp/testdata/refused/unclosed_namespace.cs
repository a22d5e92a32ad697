// ERROR: 5:1: expected “}”, found the end of the file
namespace Samples
{
    public class A { }
