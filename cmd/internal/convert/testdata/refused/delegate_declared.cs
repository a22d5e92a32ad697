// ERROR: 2:76: D is a delegate, which cannot be sent; make it a method of a contract that the peer serves
namespace Samples { public delegate void D(); public interface IA { void M(D d); } }
