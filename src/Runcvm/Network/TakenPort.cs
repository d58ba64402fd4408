namespace Runcvm.Network;

/// <summary>What became of a socket that was to take a port.</summary>
internal enum TakenPort
{
    /// <summary>Nothing; it can be tried with another port.</summary>
    None,

    /// <summary>It has the port and does not listen there, because somebody bound to the same was faster.</summary>
    BoundOnly,

    /// <summary>It has the port.</summary>
    Listening,
}
