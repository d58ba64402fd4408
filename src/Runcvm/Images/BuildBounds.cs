namespace Runcvm.Images;

/// <summary>What an image may cost that strangers' layers are made into.</summary>
/// <param name="User">who makes it: nobody else on the host</param>
/// <param name="MostBytes">of its file</param>
internal sealed record BuildBounds(uint User, long MostBytes);
