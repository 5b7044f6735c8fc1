"""The named presets: network, optimiser, augmentation and weights together."""

from __future__ import annotations

from dataclasses import replace

from . import geometry
from .settings import (
    AugmentSettings,
    FitSettings,
    InstanceSettings,
    LabelsAre,
    ModelConfig,
    NetworkSettings,
    NormaliseSettings,
    ScaleSettings,
    Settings,
    TrainOptions,
    WeightSettings,
)


def preset(name: str) -> Settings:
    """All settings of a preset: ``default``, ``paper`` (2015) or ``fiji`` (Falk 2019)."""
    return {"default": _default, "paper": _paper, "fiji": _fiji}[name]()


def settings_for(
    options: TrainOptions, channels: int, classes: int, base: ModelConfig | None = None
) -> Settings:
    """The preset, changed by what the user chose.

    Parameters
    ----------
    channels : of the images
    classes : outputs of the network, background included
    base : the model that training goes on from: its network, and how it reads images, stand in
        place of the preset's
    """
    settings = preset(options.preset)
    network = None if base is None else base.network
    weights = settings.weights if options.weights is None else WeightSettings.of(options.weights)
    weights = replace(
        weights,
        w0=weights.w0 if options.w0 is None else options.w0,
        sigma=weights.sigma if options.sigma is None else options.sigma,
    )
    fit, instances = settings.fit, replace(settings.instances, peak=0.0)
    # a last layer that does not fit the base begins at random: it has all to learn
    if network is not None and network.classes == classes and fit.tuning_rate:
        fit = replace(fit, learning_rate=fit.tuning_rate, keep_norms=True)
        weights = tuning_weights(weights, options.labels_are)
        instances = settings.instances  # what is learnt from scratch is sure of nothing at first
    if network is not None:  # as much output of a tile as the preset's own network has
        more = 2 * (geometry.margin(network) - geometry.margin(settings.network))
        fit = replace(fit, tile=fit.tile + more)
    net = replace(network or settings.network, in_channels=channels, classes=classes)
    scale = scale_for(options.preset, options.labels_are, base)
    normalise = settings.normalise if base is None else base.normalise
    return replace(
        settings,
        weights=weights,
        network=net,
        scale=scale,
        fit=fit,
        normalise=normalise,
        instances=instances,
    )


def scale_for(preset_name: str, labels_are: LabelsAre, base: ModelConfig | None) -> ScaleSettings:
    """The size that cells are rescaled to: the base model's, where it says one."""
    scale = preset(preset_name).scale
    if labels_are == "classes":
        return replace(scale, diameter=None)
    known = None if base is None else base.diameter or base.image_diameter
    return replace(scale, diameter=known) if known and scale.diameter else scale


def tunes(preset_name: str, base: str) -> bool:
    """Whether trainings with these choices are to keep what a base model knows."""
    return base != "none" and preset(preset_name).fit.tuning_rate > 0


def tuning_weights(weights: WeightSettings, labels_are: LabelsAre) -> WeightSettings:
    """Those for going on from a base model of single cells: without class weights.

    The base was trained without, and knows how often cells are. Where they are rare, weights
    that make up for it take from the border weight: cells merge that were apart (docs/quality.md).
    """
    return replace(weights, max_class_weight=1.0) if labels_are == "instances" else weights


def _default() -> Settings:
    """What measured best on few images within a minute or two of two CPU cores."""
    return Settings(
        preset="default",
        network=NetworkSettings(width=24, padding="same", norm="batch", dropout=0.0),
        # broad: the images to come are darker, noisier, nearer than the few annotated ones
        augment=AugmentSettings(
            scale=0.5,
            brightness=0.4,
            contrast=0.8,
            gamma=0.3,
            shading=0.4,
            noise=0.4,
            blur=0.5,
        ),
        instances=InstanceSettings(dip=2.5, outline=0.4, peak=0.8),
        # many small steps: on two cores without bfloat16 there is time for a few hundred at most
        fit=FitSettings(
            optimiser="adamw",
            learning_rate=3e-3,
            tuning_rate=2e-4,
            weight_decay=1e-2,
            schedule="one-cycle",
            batch=2,
            tile=128,
            average=0.98,
            weights_warped=True,
        ),
    )


def _paper() -> Settings:
    """Ronneberger 2015: what the paper does not say (learning rate, intensities) is ours."""
    return Settings(
        preset="paper",
        network=NetworkSettings(),
        augment=AugmentSettings(scale=0.0, brightness=0.2, contrast=0.1, elastic_spacing=150.0),
        scale=ScaleSettings(diameter=None),
        instances=InstanceSettings(),
        fit=FitSettings(weights_warped=True),
    )


def _fiji() -> Settings:
    """Falk 2019, the Fiji plugin's constants; rescaling by cell diameter instead of pixel size."""
    return Settings(
        preset="fiji",
        weights=WeightSettings.of("fiji"),
        network=NetworkSettings(dropout=0.0),
        normalise=NormaliseSettings(low=0.0, high=100.0),
        augment=AugmentSettings(mirror=False, scale=0.0, brightness=0.2, contrast=0.2),
        fit=FitSettings(optimiser="adamw", learning_rate=1e-4, weights_warped=True),
    )
