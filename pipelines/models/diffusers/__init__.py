"""Public checkpoints through diffusers, under our solvers and editors. Nothing here brings diffusers in by itself.

To learn from it, read in this order: ``meeting`` (where a running pipeline and a solver wait for each other),
``driver`` (the scheduler that is our solver), ``samplers`` and ``own`` (models that sample in their own way),
``condition``, ``capture`` and ``reading`` (what a pipeline tells its network, so that editors can ask it), ``taps``
(values of attention by hooks), ``codecs`` and ``families`` (what families do in their own way), ``model`` (all of it as
one flow model), ``loading`` and ``lora``.
"""
