// ERROR: 1:1: the file is not UTF-8 text; save it as UTF-8
public class A { } // ÿ
