namespace Runcvm.Fuse.Nodes;

/// <summary>What makes a node of the host itself. The mount is part of it: one file may be writable by one way and not by
/// another. An inode's number is not given to another while a descriptor holds it.</summary>
internal readonly record struct NodeKey(ulong Device, ulong Inode, ulong Mount);
