namespace Runcvm.Kernels;

/// <summary>Where the indexes of a module folder come from.</summary>
internal enum Indexes
{
    /// <summary>depmod reads every module and writes them: packages come without.</summary>
    Make,

    /// <summary>They are taken as they lie there. A stranger's modules are nothing to be parsed on the host.</summary>
    Take,
}
