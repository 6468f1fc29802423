mod vector;
