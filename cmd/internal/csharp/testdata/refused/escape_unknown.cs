// ERROR: 2:36: “\q” is no escape of C#
public class A { const string X = "\q"; }
