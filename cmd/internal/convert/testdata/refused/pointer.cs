// ERROR: 2:57: int* is a pointer, which means nothing to a peer; send the value
namespace Samples { public unsafe interface IA { void M(int* p); } }
