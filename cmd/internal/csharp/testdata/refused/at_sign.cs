// ERROR: 2:22: “@” starts no identifier here
public class A { int @ = 1; }
