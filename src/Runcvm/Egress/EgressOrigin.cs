namespace Runcvm.Egress;

/// <summary>Whose a policy is.</summary>
internal enum EgressOrigin : byte
{
    /// <summary>What a container asked for itself.</summary>
    Container,

    /// <summary>What the host's configuration says: no container's wish widens it.</summary>
    Host,

    /// <summary>Both said the same, and it is in force once.</summary>
    Both,
}
